from metaflow.cards.templates.test_cards import (
    TestEditableCard as TestEditableCard,
    TestEditableCard2 as TestEditableCard2,
    TestErrorCard as TestErrorCard,
    TestImageCard as TestImageCard,
    TestJSONComponent as TestJSONComponent,
    TestMockCard as TestMockCard,
    TestNonEditableCard as TestNonEditableCard,
    TestPathSpecCard as TestPathSpecCard,
    TestRefreshCard as TestRefreshCard,
    TestRefreshComponentCard as TestRefreshComponentCard,
    TestStringComponent as TestStringComponent,
    TestTimeoutCard as TestTimeoutCard,
)
