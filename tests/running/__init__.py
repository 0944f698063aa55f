"""The agent as a process of its own, and networks of its own: for faults that only a real process can meet."""
