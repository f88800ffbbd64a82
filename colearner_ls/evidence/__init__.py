"""What is taken from a student's files: captured, screened and hashed here; sending is others' work."""
