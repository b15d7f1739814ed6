"""The rules: pure functions, without AWS, environment, clock or file."""
