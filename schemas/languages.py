"""The languages that answers can be asked for in."""

from enum import StrEnum


class Language(StrEnum):
    """A language by its code (ISO 639-1); AUTO is that of the question."""

    AUTO = "auto"
    CS = "cs"
    DA = "da"
    DE = "de"
    EN = "en"
    ES = "es"
    FR = "fr"
    IT = "it"
    JA = "ja"
    KO = "ko"
    NL = "nl"
    PL = "pl"
    PT = "pt"
    RU = "ru"
    SV = "sv"
    TR = "tr"
    UK = "uk"
    ZH = "zh"
