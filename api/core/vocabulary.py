"""Words that claim nothing about what the docs describe."""

from index.core.terms import terms_of

_CONNECTING_WORDS = """
    above add additional additionally addition achieve after again alternatively another answer any appropriate ask
    based basic before begin below brief briefly call called case certainly code command common commonly complete
    consider context course demonstrate describe described description detail details different do doc docs
    documentation done each either ensure even example examples explain explanation final finally find first follow
    following follows four further general generally get give given go good great guide happy help helpful helps
    hence here hope important information instance instead instruction item just keep know last learn let like line list
    look main make may mean means mention mentioned more moreover must need new next note now number okay one only
    option options order other otherwise output overview particular particularly please point possible previous provide
    provided provides question refer reference relevant result run same sample second section see several short
    shorten should show shown shows similar simple simply snippet so some specific specifically start step steps
    still such summarize summary sure syntax take task thank thanks that then therefore thing things third three three
    thus tip to too topic try two typical typically understand use used useful user using usual usually various
    via want way ways welcome well within without work works write yes
""".split()  # noqa: SIM905 - a table of words reads better as text
CONNECTING = frozenset(terms_of(" ".join(_CONNECTING_WORDS)))
"""Terms a sentence may lead into something with: it says nothing of the subject by them."""

LANGUAGE_WORDS = frozenset(
    """
    abs all and any apiVersion as assert async await bool break bytes call case catch cat cd chmod class cls const
    continue cp curl def default del delete dict do docker done double echo elif else enumerate esac except exit export
    extends extern False fi final finally float for from func function get git global go goto helm if implements import
    in include int interface is isinstance iter join kind kubectl lambda len let list ls main map match max metadata min
    mkdir mv name namespace new next nil None nonlocal not null object open or package pass pip pip3 print private
    process protected public python python3 raise range repr return reversed round self set sh sleep sort sorted source
    spec static str struct sudo sum super switch template test then this throw throws time to True true try tuple type
    undefined until use using var version void while with yield zip __init__ __main__ __name__ false bash console
    item items i j k n x y os sys json math random typing asyncio logging pathlib
    """.split()  # noqa: SIM905 - a table of words reads better as text
)
"""What languages, shells and their own libraries name: no page of docs need have it."""
