"""A coach and a student at work on one piece of code, each with the real program, drawn as they would see it."""
