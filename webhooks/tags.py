"""The subjects by which the description of the API is ordered."""

TAGS = [
    {"name": "flag", "description": "Which provider carries a stream's mail now; what applications read."},
    {"name": "reports", "description": "What applications and workflow tools tell of real sends and test messages."},
    {"name": "streams", "description": "Orders, pins and fail-back."},
    {"name": "providers", "description": "Health, figures, and checks by hand."},
    {"name": "incidents", "description": "From the first failing signal to the recovery."},
    {"name": "logs", "description": "Events, failovers and single observations, as pages; events also as a stream."},
    {"name": "webhooks", "description": "Who is told of events, what waits for them, and what became of it."},
    {"name": "mail", "description": "Messages for the relay, what became of them, and the provider for one of them."},
    {"name": "dns", "description": "What the DNS checks found."},
    {"name": "slack", "description": "Where Slack calls; nobody else does."},
    {"name": "operation", "description": "Whether mailover itself is well."},
]
TAG_OF = {
    "active": "flag",
    "mailbox": "reports",
    "events": "logs",
    "failovers": "logs",
    "observations": "logs",
    "subscriptions": "webhooks",
    "health": "operation",
    "metrics": "operation",
    "hooks": "webhooks",
    "messages": "mail",
    "outbox": "mail",
    "route": "mail",
}
"""By the name of the blueprint, where that is not the tag itself."""
