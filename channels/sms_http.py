"""SMS through a gateway that takes one HTTP request per message: JSON, a form, or Twilio's form."""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import httpx2

from amends.domain.channel import ChannelKind, LastCall, Message, Receipt, Status
from channels.https import Provider, accepted, json_object, open_client
from channels.settings import Settings

E164 = re.compile(r"\+[1-9]\d{6,14}")
TWILIO_BAD_NUMBER = frozenset({21211, 21610, 21614})
"""Not a number, unsubscribed, not a mobile number."""


class Shape(StrEnum):
    """How the gateway wants its request."""

    JSON = "json"
    FORM = "form"
    TWILIO = "twilio"


REQUIRED = {
    Shape.JSON: ("shape", "url", "to_field", "text_field", "token"),
    Shape.FORM: ("shape", "url", "to_field", "text_field", "token"),
    Shape.TWILIO: ("shape", "url", "account", "token", "from_"),
}
OPTIONAL = {
    Shape.JSON: {"id_field": "", "idempotent": "false", "timeout": "60"},
    Shape.FORM: {"id_field": "", "idempotent": "false", "timeout": "60"},
    Shape.TWILIO: {"idempotent": "false", "timeout": "60"},
}


def connect(settings: Mapping[str, str]) -> "SmsHttp":
    """Settings: shape and url; for json and form to_field, text_field, token, and id_field as it is in the reply.

    For twilio account, token and from_. idempotent says whether the gateway honours an Idempotency-Key.
    """
    given = settings.get("shape", "")
    shape = Shape(given) if given in tuple(Shape) else Shape.JSON
    chosen = Settings("sms_http", settings, required=REQUIRED[shape], optional=OPTIONAL[shape])
    chosen.choice("shape", Shape)
    gateway = _twilio(chosen) if shape is Shape.TWILIO else _plain(chosen, shape)
    return SmsHttp(gateway, Provider(open_client(chosen.number("timeout", most=600)), chosen.flag("idempotent")))


@dataclass(frozen=True, slots=True)
class Gateway:
    """One provider's way of taking an SMS."""

    url: str
    to_field: str
    text_field: str
    id_field: str
    authorization: str = field(repr=False)
    as_form: bool
    fixed: dict[str, str]
    bad_number_codes: frozenset[int] | None = None
    """Error codes that are about the number; None when every refusal of the content is."""

    def request(self, client: httpx2.AsyncClient, message: Message) -> httpx2.Request:
        """The request for one message."""
        fields = {**self.fixed, self.to_field: message.to, self.text_field: message.text}
        headers = {"Authorization": self.authorization, "Idempotency-Key": message.key}
        if self.as_form:
            return client.build_request("POST", self.url, data=fields, headers=headers)
        return client.build_request("POST", self.url, json=fields, headers=headers)

    def refusal(self, key: str, response: httpx2.Response) -> Receipt:
        """What a refusal of one message means."""
        code = json_object(response).get("code")
        detail = f"{response.status_code} {code}" if isinstance(code, int) else str(response.status_code)
        if self.bad_number_codes is None or code in self.bad_number_codes:
            return Receipt(key, Status.REJECTED, detail)
        return Receipt(key, Status.DEFERRED, f"refused {detail}")


class SmsHttp:
    """Sends each text as it stands."""

    kind = ChannelKind.SMS

    def __init__(self, gateway: Gateway, provider: Provider) -> None:
        self._gateway = gateway
        self._provider = provider

    async def deliver(self, message: Message, last_call: LastCall) -> Receipt:
        if unfit := _unfit(message):
            return Receipt(message.key, Status.REJECTED, unfit)
        request = self._gateway.request(self._provider.client, message)
        answer = await self._provider.submit(request, message.key, last_call)
        if isinstance(answer, Receipt):
            return answer
        if answer.is_success:
            return accepted(answer, message.key, *filter(None, (self._gateway.id_field,)))
        return self._gateway.refusal(message.key, answer)

    async def close(self) -> None:
        await self._provider.client.aclose()


def _unfit(message: Message) -> str:
    """Why this message cannot go out, or empty."""
    if not E164.fullmatch(message.to):
        return "not an E.164 number"
    if message.signature and not message.text.startswith(f"【{message.signature}】"):
        return "signature missing"
    return ""


def _plain(chosen: Settings, shape: Shape) -> Gateway:
    return Gateway(
        url=chosen.url("url"),
        to_field=chosen.text("to_field"),
        text_field=chosen.text("text_field"),
        id_field=chosen.text("id_field"),
        authorization=f"Bearer {chosen.secret('token')}",
        as_form=shape is Shape.FORM,
        fixed={},
    )


def _twilio(chosen: Settings) -> Gateway:
    account = chosen.text("account")
    if not account.isalnum():
        raise chosen.wrong("account", "must be letters and digits")
    login = b64encode(f"{account}:{chosen.secret('token')}".encode()).decode()
    return Gateway(
        url=f"{chosen.url('url')}/2010-04-01/Accounts/{account}/Messages.json",
        to_field="To",
        text_field="Body",
        id_field="sid",
        authorization=f"Basic {login}",
        as_form=True,
        fixed={"From": chosen.text("from_")},
        bad_number_codes=TWILIO_BAD_NUMBER,
    )
