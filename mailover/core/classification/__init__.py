"""The tables that classification reads, one file per theme. Data only; the order in which they speak is `classify`."""
