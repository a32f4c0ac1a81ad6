"""The groups of fields that make up `core.request.GenerationRequest`, each declared once. A group of features stands in a file of its own."""
