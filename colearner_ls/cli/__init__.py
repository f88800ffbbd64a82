"""The command line: arguments in, use cases called, plain words or JSON out. No rule of the domain lives here."""
