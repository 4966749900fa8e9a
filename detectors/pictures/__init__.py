"""What is wrong with a camera's picture: pixels and memory in, verdicts and findings out (docs/patrol.md)."""
