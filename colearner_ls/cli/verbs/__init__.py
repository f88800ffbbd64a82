"""One module a verb (or a small family), imported only when that verb runs."""
