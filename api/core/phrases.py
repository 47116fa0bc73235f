"""What Headwater itself says in answers, in each language they can be asked for in."""

from dataclasses import dataclass

from schemas.languages import Language


@dataclass(frozen=True, slots=True)
class Phrases:
    """The sentences of refusals, in Markdown: `{link}` and `{topic}` are filled in.

    `name` is what a language model is told the language is called.
    """

    name: str
    no_answer: str
    nearest: str
    ask_at: str
    topic: str


def phrases_in(language: Language) -> Phrases:
    """The sentences in `language`; in English where that is left to the question."""
    return _PHRASES[Language.EN if language is Language.AUTO else language]


_PHRASES = {
    Language.CS: Phrases(
        "Czech",
        "Dokumentace na tuto otázku neodpovídá.",
        "Nejbližší stránky jsou uvedeny jako zdroje.",
        "Zeptat se můžete zde: {link}",
        "Na otázky na téma „{topic}“ se zde neodpovídá.",
    ),
    Language.DA: Phrases(
        "Danish",
        "Dokumentationen besvarer ikke dette spørgsmål.",
        "De nærmeste sider er angivet som kilder.",
        "Du kan spørge her: {link}",
        "Spørgsmål om »{topic}« besvares ikke her.",
    ),
    Language.DE: Phrases(
        "German",
        "Die Dokumentation beantwortet diese Frage nicht.",
        "Die nächstliegenden Seiten sind als Quellen angegeben.",
        "Fragen kann man hier: {link}",
        "Fragen zum Thema „{topic}“ werden hier nicht beantwortet.",
    ),
    Language.EN: Phrases(
        "English",
        "The documentation does not answer this question.",
        "The nearest pages are listed as sources.",
        "You can ask here: {link}",
        "Questions about “{topic}” are not answered here.",
    ),
    Language.ES: Phrases(
        "Spanish",
        "La documentación no responde a esta pregunta.",
        "Las páginas más cercanas figuran como fuentes.",
        "Puede preguntar aquí: {link}",
        "Aquí no se responden preguntas sobre «{topic}».",
    ),
    Language.FR: Phrases(
        "French",
        "La documentation ne répond pas à cette question.",
        "Les pages les plus proches figurent dans les sources.",
        "Vous pouvez poser la question ici : {link}",
        "Les questions sur « {topic} » ne reçoivent pas de réponse ici.",
    ),
    Language.IT: Phrases(
        "Italian",
        "La documentazione non risponde a questa domanda.",
        "Le pagine più vicine sono elencate tra le fonti.",
        "Si può chiedere qui: {link}",
        "Qui non si risponde a domande su «{topic}».",
    ),
    Language.JA: Phrases(
        "Japanese",
        "ドキュメントにはこの質問への答えがありません。",
        "最も近いページを出典に挙げています。",
        "こちらで質問できます: {link}",
        "「{topic}」に関する質問にはここではお答えしていません。",
    ),
    Language.KO: Phrases(
        "Korean",
        "문서에는 이 질문에 대한 답이 없습니다.",
        "가장 가까운 페이지를 출처로 표시했습니다.",
        "여기에서 질문할 수 있습니다: {link}",
        "“{topic}”에 관한 질문에는 여기에서 답하지 않습니다.",
    ),
    Language.NL: Phrases(
        "Dutch",
        "De documentatie beantwoordt deze vraag niet.",
        "De dichtstbijzijnde pagina's staan bij de bronnen.",
        "U kunt het hier vragen: {link}",
        "Vragen over ‘{topic}’ worden hier niet beantwoord.",
    ),
    Language.PL: Phrases(
        "Polish",
        "Dokumentacja nie odpowiada na to pytanie.",
        "Najbliższe strony podano jako źródła.",
        "Można zapytać tutaj: {link}",
        "Na pytania na temat „{topic}” nie udziela się tu odpowiedzi.",
    ),
    Language.PT: Phrases(
        "Portuguese",
        "A documentação não responde a esta pergunta.",
        "As páginas mais próximas estão listadas como fontes.",
        "É possível perguntar aqui: {link}",
        "Perguntas sobre “{topic}” não são respondidas aqui.",
    ),
    Language.RU: Phrases(
        "Russian",
        "Документация не отвечает на этот вопрос.",
        "Ближайшие страницы указаны в источниках.",
        "Задать вопрос можно здесь: {link}",
        "На вопросы на тему «{topic}» здесь не отвечают.",
    ),
    Language.SV: Phrases(
        "Swedish",
        "Dokumentationen besvarar inte den här frågan.",
        "De närmaste sidorna anges som källor.",
        "Du kan fråga här: {link}",
        "Frågor om ”{topic}” besvaras inte här.",
    ),
    Language.TR: Phrases(
        "Turkish",
        "Belgeler bu soruyu yanıtlamıyor.",
        "En yakın sayfalar kaynaklar arasında listelenmiştir.",
        "Buradan sorabilirsiniz: {link}",
        "“{topic}” konusundaki sorular burada yanıtlanmaz.",
    ),
    Language.UK: Phrases(
        "Ukrainian",
        "Документація не відповідає на це запитання.",
        "Найближчі сторінки наведено в джерелах.",
        "Запитати можна тут: {link}",
        "На запитання на тему «{topic}» тут не відповідають.",
    ),
    Language.ZH: Phrases(
        "Chinese",
        "文档没有回答这个问题。",
        "最接近的页面已列为来源。",
        "可以在这里提问：{link}",
        "这里不回答有关“{topic}”的问题。",
    ),
}
