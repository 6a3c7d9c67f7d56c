"""The prompt: editing lines, completing and colouring them, keys and the screen."""
