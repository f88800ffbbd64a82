"""What colearner is held against: programs that do as little as can be done."""
