"""What a recorded request and response mean: pure functions, one file a shape."""
