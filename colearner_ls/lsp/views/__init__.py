"""What a person sees of the session in one document: pure functions of (state, text, places, encoding).

Nothing here waits, reads, or knows the server; everything from the wire is made harmless on the way.
"""
