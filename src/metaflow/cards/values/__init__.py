"""Values of all kinds made into what JSON can hold and pages can show."""
