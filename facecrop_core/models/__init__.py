"""What is known of models (catalogue), where they lie (store, graph) and how they are run (sessions)."""
