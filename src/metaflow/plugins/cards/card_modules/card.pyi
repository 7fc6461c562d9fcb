from metaflow.cards import (
    MetaflowCard as MetaflowCard,
    MetaflowCardComponent as MetaflowCardComponent,
)
