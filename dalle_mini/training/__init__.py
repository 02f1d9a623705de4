"""Training: pure steps for each model, and one loop that runs them."""
