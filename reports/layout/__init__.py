"""How a page looks: its frame, its style, what a section is, and how pictures are drawn. Knows no section."""
