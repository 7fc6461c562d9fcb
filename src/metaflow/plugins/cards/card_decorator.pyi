from metaflow.decorators.card import CardDecorator as CardDecorator
