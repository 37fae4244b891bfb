"""Class by class: confusion matrices, classification reports, and how each class's scores changed."""
