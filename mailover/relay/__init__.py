"""The sending side: an application hands over its mail, and every message reaches a healthy provider, at once or later.

`intake` takes mail, `submission` is the one door for SMTP and HTTP, `delivery` carries it.
"""
