"""A stand-in for Meta's Graph API (WhatsApp Cloud API) in development, with a phone to chat from.

It knows nothing of Malha: it accepts sends as Meta does, posts signed webhooks as Meta does, and
fails as Meta does when it is told to. `graph` is the side Meta's clients see, `control` the side a
test or the phone page uses.
"""
