"""SPF (RFC 7208): may this address send for this domain? What a provider needs of a record is `coverage`'s business."""
