"""Carrying mail: from the queue to a provider that takes it, over the next one within the message when one fails.

`carrier` runs it all, `round` tries one mail, `pool` keeps a provider's connections. What a failure means is
`mailover.core`; what is kept and for how long is `mailover.storage`.
"""
