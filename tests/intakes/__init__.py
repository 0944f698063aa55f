"""What several rooms need of an intake that runs."""
