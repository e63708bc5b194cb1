//! What the people of the demo say.

/// The rooms, with their topics.
pub(super) const ROOMS: [(&str, &str); 3] = [
    ("general", "Hello, and everything without a room of its own"),
    ("garden", "What grows on the roof"),
    ("kitchen", "Who cooks on Friday?"),
];

/// Names, and names as shown. The first one is the host.
pub(super) const PEOPLE: [(&str, &str); 4] = [
    ("ada", "Ada"),
    ("bruno", "Bruno"),
    ("chidi", "Chidi"),
    ("dana", "Dana"),
];

/// A line: room, person, words.
pub(super) type Line = (usize, usize, &'static str);

/// Said before the newcomer comes.
pub(super) const BEFORE: [Line; 14] = [
    (1, 2, "The tomatoes on the roof have their first flowers."),
    (1, 3, "Already? I thought we were late this year."),
    (
        2,
        1,
        "I can cook on Friday. Lentils, unless somebody protests.",
    ),
    (
        0,
        0,
        "Good morning, all. The new door code works from today.",
    ),
    (
        0,
        1,
        "Morning! Thanks, the old one had opinions of its own.",
    ),
    (0, 2, "/me waves from the train"),
    (
        0,
        3,
        "Is the big table free on Thursday? Six of us, about two hours.",
    ),
    (0, 0, "It is. I put you down for **2 pm**."),
    (0, 3, "Perfect, thank you 🙌"),
    (
        0,
        1,
        "For those who asked how the backup runs, it is one line:\n```sh\nparlor-server backup /mnt/cold/parlor.db\n```",
    ),
    (0, 2, "While people are talking?"),
    (0, 1, "While people are talking. Nobody notices."),
    (0, 0, "That is the part I like."),
    (0, 0, "A new person is about to join us. Be nice ☺"),
];

/// Said while the newcomer looks on.
pub(super) const LIVE: [Line; 16] = [
    (0, 0, "Welcome, @you! Make yourself at home."),
    (
        0,
        3,
        "Hello @you 👋 Ctrl-K takes you to the other rooms, ? explains the keys.",
    ),
    (1, 2, "We have a bee hotel now. Three guests so far."),
    (0, 1, "You can write here any time, somebody will answer."),
    (2, 3, "No protest. I bring bread."),
    (
        0,
        2,
        "The train stands in a field again. Fields are nice, though.",
    ),
    (
        0,
        0,
        "> The train stands in a field again\n\nTell it that we are waiting with coffee.",
    ),
    (1, 3, "Do bees like basil?"),
    (
        1,
        2,
        "They like it when it flowers, which the kitchen does not.",
    ),
    (
        0,
        1,
        "Could somebody look over the notes of last week? https://example.org/notes/47",
    ),
    (0, 3, "Reading them now."),
    (
        0,
        3,
        "Two small things, the rest is *good*:\n- the date in the title\n- Chidi was there too",
    ),
    (0, 2, "I was! In spirit and on video."),
    (2, 1, "Lentils it is, then. Half past seven."),
    (0, 1, "Both mended, thank you."),
    (0, 0, "And the train moves. See you in ten minutes, Chidi."),
];

/// What is answered to the newcomer, one after another.
pub(super) const ANSWERS: [(usize, &str); 6] = [
    (3, "Good to read you!"),
    (1, "Noted. And welcome once more."),
    (0, "Ha, exactly."),
    (2, "From a field with one bar of signal: agreed."),
    (
        3,
        "Would you put that into #kitchen as well? They will want to know.",
    ),
    (1, "👍"),
];

/// The conversation of two for a pipe: who of them, and what.
pub(super) const DUET: [(usize, &str); 12] = [
    (0, "Good morning, Bruno. Can you read me?"),
    (1, "Loud and clear. How is the view from your terminal?"),
    (0, "Calm. Eighty columns of it."),
    (1, "Did the big import get through last night?"),
    (0, "Every row. I counted twice."),
    (1, "And the server all that time?"),
    (0, "One process, one folder. It was bored."),
    (
        1,
        "Then I shall write a longer line, to keep it busy: the roof garden has tomatoes now, the kitchen has bread, and the big table is yours on Thursday at two.",
    ),
    (0, "それは良い知らせですね 🍅"),
    (1, "Is each of these lines really stored before I see it?"),
    (
        0,
        "Stored, synced to disk, then sent to you. In that order.",
    ),
    (1, "Good. See you on Thursday 👋"),
];
