"""The network patrol at work: takes pictures, has them looked at, and writes down what follows (docs/patrol.md)."""
