"""Moving events between the journal and a bus. One process per workspace does it; an editor never waits for it."""
