"""Streamed answers, read to their end."""


def body(response):
    """The whole body; files behind it are closed. `response.close()` would end the test's database connection, too."""
    content = b"".join(response.streaming_content)
    for close in response._resource_closers:
        close()
    return content


def squeezed(response):
    """A page as a browser reads it: white space is one blank, and none between tags."""
    return " ".join(response.content.decode().split()).replace("> <", "><")
