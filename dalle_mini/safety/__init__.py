"""What is not drawn and what is not shown: rules for prompts, and networks that look at pictures."""
