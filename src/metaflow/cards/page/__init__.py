"""From nodes to one HTML file that opens anywhere, without a network, and runs no script but ours."""
