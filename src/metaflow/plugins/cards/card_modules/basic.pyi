from metaflow.cards import (
    BlankCard as BlankCard,
    DefaultCard as DefaultCard,
    ErrorCard as ErrorCard,
    MetaflowCard as MetaflowCard,
    MetaflowCardComponent as MetaflowCardComponent,
    PageComponent as PageComponent,
)
