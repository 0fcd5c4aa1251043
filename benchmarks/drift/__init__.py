"""What the group ``drift-search`` runs in processes of its own."""
