"""The whole configuration as one value.

Where its parts come from is `loading`'s business, what they mean to the core `mapping`'s.
"""

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from mailover.config.adapters import AdaptersSettings
from mailover.config.alerting import AlertsSettings
from mailover.config.dns import DnsSettings
from mailover.config.fields import Name
from mailover.config.limits import LimitsSettings
from mailover.config.outlets import (
    ServerSettings,
    SlackSettings,
    StorageSettings,
    TokenSettings,
    WebhookSettings,
)
from mailover.config.providers import ProviderSettings, StreamSettings
from mailover.config.relay import RelaySettings
from mailover.config.watching import (
    BreakerSettings,
    ProbesSettings,
    ReferencesSettings,
    ResolverSettings,
    RoundTripSettings,
)


class Settings(BaseSettings):
    """Everything the operator configured, checked. An optional table that is absent is None."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, validate_default=True, hide_input_in_errors=True, use_attribute_docstrings=True
    )

    server: ServerSettings = ServerSettings()
    """The HTTP API."""
    storage: StorageSettings = StorageSettings()
    """Where the fleet and its history are kept."""
    tokens: dict[Name, TokenSettings] = Field(default_factory=dict)
    """Who may call the API."""
    limits: LimitsSettings = LimitsSettings()
    """How often the API may be called."""
    providers: dict[Name, ProviderSettings] = Field(min_length=1)
    """The SMTP submission accounts."""
    streams: dict[Name, StreamSettings] = Field(min_length=1)
    """The classes of mail."""
    probes: ProbesSettings = ProbesSettings()
    """The rhythm of looking."""
    breaker: BreakerSettings = BreakerSettings()
    """When a provider's breaker opens and closes."""
    round_trip: RoundTripSettings | None = None
    """Test messages that must really arrive."""
    references: ReferencesSettings = ReferencesSettings()
    """Others to ask when a provider is silent."""
    resolver: ResolverSettings = ResolverSettings()
    """Where host names are asked."""
    alerts: AlertsSettings = AlertsSettings()
    """What people are warned of."""
    slack: SlackSettings | None = None
    """Alerts in Slack."""
    webhooks: dict[Name, WebhookSettings] = Field(default_factory=dict)
    """Receivers of events."""
    adapters: AdaptersSettings = AdaptersSettings()
    """What follows the flag by other protocols, files and commands."""
    dns: DnsSettings | None = None
    """The DNS records to watch."""
    relay: RelaySettings | None = None
    """Submission for applications that cannot read a flag."""

    @property
    def default_stream(self) -> str:
        """The stream of callers that name none."""
        return next((name for name, stream in self.streams.items() if stream.default), next(iter(self.streams)))

    @field_validator("tokens")
    @classmethod
    def _differ(cls, tokens: dict[str, TokenSettings]) -> dict[str, TokenSettings]:
        if len({token.token for token in tokens.values()}) < len(tokens):
            raise ValueError("two tokens are equal; each caller needs its own, or reports cannot be told apart")
        return tokens

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - this and the next three are the overridden signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed in: the process environment is read where it is asked for, in `loading`."""
        return (init_settings,)
