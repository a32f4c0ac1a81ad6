"""What the starter model draws: each thing's name, its picture among Fluent Emoji's by code points, and its plural. No torch.

The order counts: a smaller model learns the first ones. What Easel's own tests teach a model anew (a snowman) is not among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Object(NamedTuple):
    """picture: code points as in the file's name. plural: in full."""

    name: str
    picture: str
    plural: str


ALIASES: Mapping[str, str] = {"cat face": "cat", "dog face": "dog", "ice cream": "ice cream cone", "flying saucer": "ufo", "flame": "fire"}
"""What some are called now and then."""

_ROWS = """
cat face|1f431; dog face|1f436; panda|1f43c; penguin|1f427; frog|1f438; crab|1f980; butterfly|1f98b|butterflies; rose|1f339; sunflower|1f33b
pine tree|1f332; cactus|1f335|cacti; mushroom|1f344; banana|1f34c; apple|1f34e; strawberry|1f353|strawberries; pizza|1f355; donut|1f369; house|1f3e0
car|1f697; rocket|1f680; balloon|1f388; star|2b50; soccer ball|26bd; guitar|1f3b8; fox|1f98a|foxes; lion|1f981; elephant|1f418; rabbit|1f430
bear|1f43b; cow|1f42e; pig|1f437; owl|1f989; turtle|1f422; octopus|1f419|octopuses; fish|1f420|fish; snail|1f40c; bee|1f41d; tulip|1f337
palm tree|1f334; pineapple|1f34d; watermelon|1f349; carrot|1f955; hamburger|1f354; cupcake|1f9c1; train|1f682; airplane|2708-fe0f; umbrella|2602-fe0f
crown|1f451; tiger|1f42f; unicorn|1f984; zebra|1f993; horse|1f434; monkey|1f435; mouse|1f42d|mice; hamster|1f439; koala|1f428; wolf|1f43a|wolves
hedgehog|1f994; bat|1f987; giraffe|1f992; camel|1f42a; sloth|1f9a5; otter|1f9a6; kangaroo|1f998; chick|1f424; rooster|1f413; duck|1f986; swan|1f9a2
flamingo|1f9a9|flamingos; peacock|1f99a; parrot|1f99c; eagle|1f985; crocodile|1f40a; lizard|1f98e; snake|1f40d; dragon|1f409; dinosaur|1f995
whale|1f433; dolphin|1f42c; shark|1f988; jellyfish|1fabc|jellyfish; lobster|1f99e; squid|1f991|squid; shell|1f41a; ladybug|1f41e; spider|1f577-fe0f
caterpillar|1f41b; cherry blossom|1f338; hibiscus|1f33a|hibiscus flowers; oak tree|1f333; clover|1f340; maple leaf|1f341|maple leaves; melon|1f348
tangerine|1f34a; lemon|1f34b; pear|1f350; peach|1f351|peaches; coconut|1f965; avocado|1f951|avocados; eggplant|1f346; tomato|1f345|tomatoes
chili pepper|1f336-fe0f; onion|1f9c5; croissant|1f950; pretzel|1f968; waffle|1f9c7; hot dog|1f32d; taco|1f32e|tacos; sandwich|1f96a|sandwiches
ice cream|1f366|ice creams; cookie|1f36a; birthday cake|1f382; lollipop|1f36d; teapot|1fad6; coffee cup|2615; wine glass|1f377|wine glasses
volcano|1f30b|volcanoes; castle|1f3f0; tent|26fa; ferris wheel|1f3a1; bus|1f68c|buses; ambulance|1f691; fire truck|1f692; taxi|1f695|taxis
tractor|1f69c; race car|1f3ce-fe0f; motorcycle|1f3cd-fe0f; scooter|1f6f5; bicycle|1f6b2; skateboard|1f6f9; sailboat|26f5; ship|1f6a2
helicopter|1f681; flying saucer|1f6f8; anchor|2693; traffic light|1f6a6; crescent moon|1f319; sun|1f31e; planet|1fa90; cloud|2601-fe0f; rainbow|1f308
snowflake|2744-fe0f; flame|1f525; pumpkin|1f383; christmas tree|1f384; gift|1f381; trophy|1f3c6|trophies; basketball|1f3c0; baseball|26be
tennis racket|1f3be; kite|1fa81; teddy bear|1f9f8; puzzle piece|1f9e9; yarn ball|1f9f6; shirt|1f455; dress|1f457|dresses; backpack|1f392; sneaker|1f45f
top hat|1f3a9; ring|1f48d; diamond|1f48e; bell|1f514; microphone|1f3a4; saxophone|1f3b7; trumpet|1f3ba; violin|1f3bb; drum|1f941; laptop|1f4bb
camera|1f4f7; light bulb|1f4a1; candle|1f56f-fe0f; book|1f4d5; pencil|270f-fe0f; key|1f511; hammer|1f528; sword|1f5e1-fe0f; bomb|1f4a3; magnet|1f9f2
robot|1f916; ghost|1f47b; alien|1f47d; skull|1f480; heart|2764-fe0f; alarm clock|23f0; globe|1f30e
"""


def _read(row: str) -> Object:
    name, picture, *plural = row.strip().split("|")
    return Object(name, picture, plural[0] if plural else f"{name}s")


OBJECTS: tuple[Object, ...] = tuple(_read(row) for row in _ROWS.replace("\n", ";").split(";") if row.strip())
