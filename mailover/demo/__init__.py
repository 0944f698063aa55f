"""The demonstration: fake providers that are real servers on loopback, and the story of one outage told with them."""
