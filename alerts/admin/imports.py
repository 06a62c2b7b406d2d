"""What the pages have in common that take a document in: they show what an import would do, and then do it."""

from __future__ import annotations

from typing import Any

from django import forms

from monitoring.applications.selectors import list_applications


class ImportForm(forms.Form):
    """A document, uploaded or pasted, whose what it makes is to be, and whether it changes what is here already."""

    file = forms.FileField(required=False, allow_empty_file=True)
    text = forms.CharField(required=False, strip=False)
    application: forms.ModelChoiceField[Any] = forms.ModelChoiceField(queryset=None, required=False)
    replace = forms.BooleanField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["application"].queryset = list_applications()  # type: ignore[attr-defined]  # of this field's class

    def read_content(self, *, most: int) -> bytes:
        """Return the document, which comes first if it is an uploaded file, with one byte more than `most` at most.

        That byte is enough to be refused for its size. Browsers send pasted lines with a byte more each.
        """
        upload = self.cleaned_data.get("file")
        if upload:
            return bytes(upload.read(most + 1))
        return str(self.cleaned_data.get("text", "")).replace("\r\n", "\n").encode("utf-8", "surrogatepass")

    def read_choices(self) -> dict[str, Any]:
        """Return what the services take beside the document."""
        application = self.cleaned_data.get("application")
        return {"application_id": application.pk if application else None, "replace": self.cleaned_data["replace"]}
