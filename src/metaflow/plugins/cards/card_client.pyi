from metaflow.cards.reading import Card as Card, CardContainer as CardContainer, get_cards as get_cards
