"""allauth's form for passkeys, in our words."""

from typing import Any

from allauth.mfa.webauthn.forms import AddWebAuthnForm


class AddKeyForm(AddWebAuthnForm):  # type: ignore[misc]  # allauth has no types
    """A passkey unless one wants a mere second step: most phones and computers can do it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].help_text = "To tell your keys apart."
        passwordless = self.fields["passwordless"]
        passwordless.initial = True
        passwordless.label = "Also log in with it, without the password"
        passwordless.help_text = "Needs a fingerprint, a face or a PIN. Untick it for a plain security key."
