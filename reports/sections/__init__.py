"""The page's sections, a folder each: its numbers, its picture, its template, its heading. None imports another."""
