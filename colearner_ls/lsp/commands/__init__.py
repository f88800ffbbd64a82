"""What ``workspace/executeCommand`` offers: decode, one use case, encode. No rule of the domain lives here."""
