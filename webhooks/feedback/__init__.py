"""What providers tell of mail that they had accepted: who is believed, and what each one's words mean.

One file per provider with two functions, one map (`kinds`). What is done about it is decided in the view and behind it.
"""
