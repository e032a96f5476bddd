//! A large catalog made up from words: the same one each time for the same seed, on every machine.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::export::{Price, Product, Variant, jsonl};

/// Products written at a time.
const CHUNK: u64 = 500;

/// What is made of what: the leaf categories and their things.
const LEAVES: [(&str, &str, &str, [&str; 5]); 24] = [
    (
        "Home",
        "Kitchen",
        "Knives & Boards",
        ["Chopping Board", "Paring Knife", "Bread Knife", "Sharpener", "Knife Block"],
    ),
    ("Home", "Kitchen", "Cookware", ["Saucepan", "Frying Pan", "Casserole", "Kettle", "Roasting Tin"]),
    ("Home", "Kitchen", "Tableware", ["Plate", "Bowl", "Mug", "Jug", "Butter Dish"]),
    ("Home", "Living", "Lighting", ["Table Lamp", "Floor Lamp", "Lantern", "Candle Holder", "Pendant"]),
    ("Home", "Living", "Storage", ["Basket", "Shelf", "Chest", "Coat Rack", "Tray"]),
    ("Home", "Bath", "Towels & Care", ["Bath Towel", "Soap Dish", "Bath Mat", "Nail Brush", "Mirror"]),
    ("Textiles", "Bedding", "Covers", ["Duvet Cover", "Pillowcase", "Fitted Sheet", "Blanket", "Bedspread"]),
    ("Textiles", "Clothing", "Shirts & Tops", ["Shirt", "Jumper", "Waistcoat", "Work Jacket", "Smock"]),
    ("Textiles", "Clothing", "Socks & Hats", ["Socks", "Cap", "Scarf", "Gloves", "Beanie"]),
    ("Outdoor", "Camping", "Shelter & Sleep", ["Tent", "Sleeping Mat", "Hammock", "Tarp", "Camp Stool"]),
    ("Outdoor", "Camping", "Camp Kitchen", ["Camp Stove", "Flask", "Mess Tin", "Spork", "Water Bottle"]),
    ("Outdoor", "Walking", "Packs & Bags", ["Rucksack", "Day Pack", "Belt Bag", "Dry Bag", "Holdall"]),
    ("Stationery", "Paper", "Notebooks", ["Notebook", "Sketchbook", "Diary", "Logbook", "Memo Pad"]),
    ("Stationery", "Writing", "Pens & Pencils", ["Fountain Pen", "Pencil", "Rollerball", "Marker", "Pencil Case"]),
    ("Stationery", "Desk", "Order", ["Letter Tray", "Desk Mat", "Bookend", "Pen Pot", "Paper Knife"]),
    ("Tools", "Workshop", "Hand Tools", ["Hammer", "Chisel", "Hand Plane", "Try Square", "Mallet"]),
    ("Tools", "Workshop", "Measuring", ["Folding Rule", "Spirit Level", "Calliper", "Marking Gauge", "Tape Measure"]),
    ("Tools", "House", "Repair", ["Toolbox", "Screwdriver", "Pliers", "Work Light", "Step Ladder"]),
    ("Kids", "Play", "Wooden Toys", ["Building Blocks", "Pull-Along Dog", "Puzzle", "Toy Train", "Spinning Top"]),
    ("Kids", "Play", "Games", ["Card Game", "Dominoes", "Skittles", "Board Game", "Marbles"]),
    ("Kids", "Out & About", "Rain & Lunch", ["Raincoat", "Lunch Box", "Umbrella", "School Bag", "Drinking Cup"]),
    ("Garden", "Growing", "Pots & Planters", ["Plant Pot", "Planter", "Seed Tray", "Saucer", "Trellis"]),
    ("Garden", "Growing", "Watering & Care", ["Watering Can", "Secateurs", "Trowel", "Garden Fork", "Kneeler"]),
    ("Garden", "Sitting Out", "Furniture", ["Bench", "Folding Chair", "Bistro Table", "Deckchair", "Parasol"]),
];
const STYLES: [&str; 20] = [
    "Plain", "Ridge", "Harbour", "Orchard", "Mill", "Northern", "Little", "Grand", "Quiet", "Station", "Meadow",
    "Canal", "Winter", "Market", "Lantern", "Quarry", "Cottage", "River", "Chapel", "Foundry",
];
const MATERIALS: [&str; 16] = [
    "Oak",
    "Ash",
    "Beech",
    "Walnut",
    "Steel",
    "Copper",
    "Brass",
    "Enamel",
    "Linen",
    "Wool",
    "Cotton",
    "Canvas",
    "Leather",
    "Stoneware",
    "Glass",
    "Cork",
];
const OPENINGS: [&str; 8] = [
    "Made to be used every day and mended when it has to be.",
    "A shape that has not needed changing for a hundred years.",
    "Small differences from piece to piece come from work by hand.",
    "Lighter than it looks, and stronger than it needs to be.",
    "Finished with oil rather than lacquer, so it ages instead of wearing.",
    "Drawn by people who use one themselves.",
    "Good for the first flat and still good in the third house.",
    "The kind of thing that is borrowed and not brought back.",
];
const DETAILS: [&str; 8] = [
    "The edges are rounded so that nothing catches.",
    "Joints are pegged, not glued.",
    "Spare parts can be had one by one.",
    "It stacks, hangs or folds flat when it is not needed.",
    "The weight sits low, so it stands where you put it.",
    "Seams are doubled where the strain is.",
    "It comes in a box without plastic.",
    "Each one is checked against a master before it leaves.",
];
const CARES: [&str; 6] = [
    "Wipe with a damp cloth and let it dry in the air.",
    "Wash cool and dry flat.",
    "A drop of oil twice a year is all it asks for.",
    "Keep it out of the dishwasher.",
    "Brush off what is dry, rinse off what is not.",
    "Nothing to look after.",
];
const TAGS: [&str; 12] = [
    "handmade",
    "gift",
    "small-batch",
    "natural",
    "repairable",
    "everyday",
    "classic",
    "travel",
    "stackable",
    "new",
    "heirloom",
    "bestseller",
];
const SIZES: [&str; 4] = ["Small", "Medium", "Large", "Extra Large"];
const COLOURS: [&str; 4] = ["Natural", "Charcoal", "Moss", "Rust"];

/// Writes `products` products as JSON lines.
pub fn write_catalog(mut out: impl Write, products: u64, seed: u64) -> io::Result<()> {
    let mut start = 0;
    while start < products {
        let end = (start + CHUNK).min(products);
        let chunk: Vec<Product> = (start..end).map(|number| product(number, seed)).collect();
        out.write_all(&jsonl::write(&chunk))?;
        start = end;
    }
    out.flush()
}

fn product(number: u64, seed: u64) -> Product {
    let mut dice = Dice::new(seed, number);
    let (top, middle, leaf, things) = dice.one_of(&LEAVES);
    let (thing, style, material) = (*dice.one_of(things), *dice.one_of(&STYLES), *dice.one_of(&MATERIALS));
    let name = format!("{style} {material} {thing}");
    let handle = format!("{}-{number}", name.to_lowercase().replace(' ', "-"));
    let sentences = [format!("{thing} of {}.", material.to_lowercase()), (*dice.one_of(&OPENINGS)).to_owned()];
    let more = [*dice.one_of(&DETAILS), *dice.one_of(&CARES)];
    let description = [&sentences.join(" "), more[0], more[1]].join(" ");
    let mut tags = vec![material.to_lowercase()];
    for _ in 0..dice.below(4) {
        let tag = (*dice.one_of(&TAGS)).to_owned();
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    let variants = 1 + dice.below(4);
    let option = if dice.below(2) == 0 { ("Size", SIZES) } else { ("Colour", COLOURS) };
    let cents = 290 + dice.below(18_000) / 10 * 10;
    let grams = 50 + dice.below(4_000);
    let choice = |at: u64| (variants > 1).then(|| (option.0, option.1[usize::try_from(at).unwrap_or_default() % 4]));
    Product {
        handle,
        name,
        description,
        category: [*top, *middle, *leaf].map(str::to_owned).into(),
        active: dice.below(50) > 0,
        tags,
        options: choice(0).map(|(option, _)| option.to_owned()).into_iter().collect(),
        images: Vec::new(),
        variants: (0..variants).map(|at| variant(&mut dice, (seed, number, at), choice(at), cents, grams)).collect(),
    }
}

fn variant(
    dice: &mut Dice,
    (seed, number, at): (u64, u64, u64),
    choice: Option<(&str, &str)>,
    cents: u64,
    grams: u64,
) -> Variant {
    let amount = cents + at * cents / 5;
    let dollars = amount * 11 / 10;
    let price = |currency: &str, cents: u64| Price {
        currency: currency.to_owned(),
        amount: format!("{}.{:02}", cents / 100, cents % 100),
        compare_at: None,
    };
    // One in twelve is sold out.
    let units = if dice.below(12) == 0 { 0 } else { dice.below(500) };
    Variant {
        sku: format!("G{seed}-{number:07}-{at}"),
        name: choice.map_or("Default", |(_, value)| value).to_owned(),
        options: choice
            .map(|(option, value)| (option.to_owned(), value.to_owned()))
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
        prices: vec![price("EUR", amount), price("USD", dollars)],
        inventory: units.cast_signed(),
        weight_grams: (grams + at * grams / 4).cast_signed(),
    }
}

/// Random numbers that are the same for ever: SplitMix64, begun anew for each product.
struct Dice(u64);

impl Dice {
    fn new(seed: u64, number: u64) -> Self {
        let mut dice = Self(seed);
        dice.0 = dice.next() ^ number;
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number from 0 to one less than `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        // The remainder is below the number of things.
        let at = usize::try_from(self.below(things.len() as u64)).unwrap_or_default();
        &things[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generated(products: u64, seed: u64) -> Vec<u8> {
        let mut out = Vec::new();
        write_catalog(&mut out, products, seed).unwrap();
        out
    }

    #[test]
    fn a_seed_gives_the_same_file_for_ever() {
        let file = generated(1200, 7);
        assert_eq!(crc32fast::hash(&file), 1_736_257_107);
        assert!(file.starts_with(&generated(600, 7)), "a longer file begins like a shorter one");
        assert_ne!(file, generated(1200, 8));
    }
}
