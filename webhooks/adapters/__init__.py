"""What follows the flag by other systems' own means: one small file each, off until it is configured."""
