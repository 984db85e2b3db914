//! Lyrics as they are found, and that reading what was written changes nothing.

use super::lrc::{parse, write};
use super::stamp::{self, Dialect};
use super::{Line, Lyrics, MAX_LINE_CHARS, MAX_LINES, Word, sylt, text};
use proptest::prelude::*;

/// `start end text` of each line.
fn summary(lyrics: &Lyrics) -> Vec<(Option<u64>, Option<u64>, &str)> {
    lyrics.lines.iter().map(|line| (line.start_ms, line.end_ms, line.text.as_str())).collect()
}

fn words(line: &Line) -> Vec<(u64, &str)> {
    line.words.iter().map(|word| (word.start_ms, word.text.as_str())).collect()
}

#[test]
fn a_usual_file_is_read() {
    let parsed = parse(
        "\u{FEFF}[ti:Song]\r\n[ar:Band]\r\n\r\n[00:12.00]First line\r\n[00:15.3] Second  line \r\n[00:18]\r\n",
    );
    assert!(parsed.lyrics.synced && parsed.unread.is_empty());
    assert_eq!(
        summary(&parsed.lyrics),
        [(Some(12_000), None, "First line"), (Some(15_300), Some(18_000), "Second line")]
    );
}

#[test]
fn a_line_may_have_several_stamps_and_its_words_come_again() {
    let parsed = parse("[00:30.00][00:10.00]<00:30.00>La <00:30.50>la\n[00:20]Verse");
    let lyrics = parsed.lyrics;
    assert_eq!(
        summary(&lyrics),
        [(Some(10_000), None, "La la"), (Some(20_000), None, "Verse"), (Some(30_000), None, "La la")]
    );
    assert_eq!(words(&lyrics.lines[0]), [(10_000, "La "), (10_500, "la")]);
    assert_eq!(words(&lyrics.lines[2]), [(30_000, "La "), (30_500, "la")]);
}

#[test]
fn word_stamps_are_read_in_either_bracket_and_at_the_end_say_when_it_is_over() {
    for line in [
        "[00:10.00] <00:10.00> Ka <00:10.20>ra<00:10.40>o<00:10.60>ke <00:11.00>",
        "[00:10.00]Ka [00:10.20]ra[00:10.40]o[00:10.60]ke[00:11.00]",
        "<00:10.00>Ka <00:10.20>ra<00:10.40>o<00:10.60>ke<00:11.00>",
    ] {
        let lyrics = parse(line).lyrics;
        assert_eq!(summary(&lyrics), [(Some(10_000), Some(11_000), "Ka raoke")], "{line}");
        let expected = [(10_000, "Ka "), (10_200, "ra"), (10_400, "o"), (10_600, "ke")];
        assert_eq!(words(&lyrics.lines[0]), expected, "{line}");
    }
}

#[test]
fn a_positive_offset_is_earlier() {
    let at = |offset: &str| parse(&format!("[00:02.00]<00:02.00>a <00:03.00>b\n[offset:{offset}]")).lyrics;
    assert_eq!(words(&at("+500").lines[0]), [(1_500, "a "), (2_500, "b")]);
    assert_eq!(at("-500").lines[0].start_ms, Some(2_500));
    assert_eq!(at("9999999").lines[0].start_ms, Some(0));
    assert_eq!(at("soon").lines[0].start_ms, Some(2_000));
}

#[test]
fn hours_and_other_dialects_are_told_apart() {
    assert_eq!(parse("[01:02:03.50]a").lyrics.lines[0].start_ms, Some(3_723_500));
    assert_eq!(parse("[01:02:03]a").lyrics.lines[0].start_ms, Some(3_723_000));
    assert_eq!(parse("[00:02:03]a\n[00:04:75]b").lyrics.lines[0].start_ms, Some(2_030));
    assert_eq!(parse("[75:10,5]a").lyrics.lines[0].start_ms, Some(4_510_500));
    assert_eq!(parse("[ 0:01.2345 ]a").lyrics.lines[0].start_ms, Some(1_234));
}

#[test]
fn what_is_wrong_is_told_and_its_text_is_kept() {
    let parsed = parse("Words by me\n[00:01.00]one\n[00:0x.00]two\n[99]three\n[00:05.00]four");
    assert_eq!(parsed.unread, [1, 3]);
    let expected =
        [(Some(1_000), "one"), (Some(1_000), "two"), (Some(1_000), "[99]three"), (Some(5_000), "four")];
    let summary: Vec<_> = parsed.lyrics.lines.iter().map(|l| (l.start_ms, l.text.as_str())).collect();
    assert_eq!(summary, expected);
}

#[test]
fn plain_text_keeps_its_stanzas() {
    let parsed = parse("\n\n[Chorus: all]\nLa la\n\n\n\nLa <3\n\n");
    let texts: Vec<_> = parsed.lyrics.lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!((parsed.lyrics.synced, texts), (false, vec!["La la", "", "La <3"]));
    assert!(parse(" \n[ti:x]\n").lyrics.is_empty() && parse("[00:01.00]\n").lyrics.is_empty());
}

#[test]
fn hostile_files_stay_small() {
    let many = format!("{}{}", "[0:1]".repeat(MAX_LINES * 4), "x".repeat(MAX_LINE_CHARS * 9));
    let lyrics = parse(&many).lyrics;
    assert_eq!((lyrics.lines.len(), lyrics.lines[0].text.len()), (MAX_LINES, MAX_LINE_CHARS));
    assert_eq!(parse(&"a\n".repeat(MAX_LINES * 2)).lyrics.lines.len(), MAX_LINES);
    assert_eq!(parse(&"<".repeat(1 << 18)).lyrics.lines[0].text.len(), MAX_LINE_CHARS);
    assert_eq!(parse("[0:1]a\u{202E}b\u{7}c").lyrics.lines[0].text, "ab c");
}

#[test]
fn files_of_any_editor_are_text_and_others_are_none() {
    let utf16: Vec<u8> = "\u{FEFF}né".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [&b"\xEF\xBB\xBFn\xC3\xA9"[..], &utf16, b"n\xC3\xA9", b"n\xE9"] {
        assert_eq!(text::of_file(bytes).as_deref(), Some("né"), "{bytes:?}");
    }
    assert_eq!(text::of_file(b"it\x92s").as_deref(), Some("it’s"));
    assert_eq!(text::of_file(b"RIFF\0\0"), None);
}

/// A SYLT frame's body, UTF-16 with one byte order mark or Latin-1.
fn frame(wide: bool, unit: u8, kind: u8, pieces: &[(&str, u32)]) -> Vec<u8> {
    let coded = |text: &str| -> Vec<u8> {
        match wide {
            true => text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect(),
            false => text.bytes().chain([0]).collect(),
        }
    };
    let mut body = vec![u8::from(wide), b'e', b'n', b'g', unit, kind];
    body.extend(if wide { &[0xFF, 0xFE][..] } else { &[] });
    body.extend(coded("about"));
    for (text, time) in pieces {
        body.extend(coded(text));
        body.extend(time.to_be_bytes());
    }
    body
}

#[test]
fn syllables_of_a_tag_become_lines_and_words() {
    let pieces = [("Stran", 1_000), ("gers ", 1_200), ("in", 1_500), ("\nthe night", 2_000)];
    for wide in [false, true] {
        let lyrics = sylt::read(&frame(wide, 2, 1, &pieces), None).expect("lyrics");
        assert_eq!(summary(&lyrics), [(Some(1_000), None, "Strangers in"), (Some(2_000), None, "the night")]);
        assert_eq!(words(&lyrics.lines[0]), [(1_000, "Stran"), (1_200, "gers "), (1_500, "in")]);
        assert!(lyrics.lines[1].words.is_empty());
    }
}

#[test]
fn whole_lines_of_a_tag_are_lines_also_when_counted_in_mpeg_frames() {
    let pieces = [("First line", 100), ("Second line", 200)];
    let lyrics = sylt::read(&frame(true, 1, 1, &pieces), Some(26.122)).expect("lyrics");
    assert_eq!(summary(&lyrics), [(Some(2_612), None, "First line"), (Some(5_224), None, "Second line")]);
    assert_eq!(sylt::read(&frame(true, 1, 1, &pieces), None), None, "nobody knows how long a frame is");
    assert_eq!(sylt::read(&frame(true, 2, 5, &pieces), None), None, "chords are not sung");
}

/// Texts as hostile as the parser's own signs make them.
fn lrc_like() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[0-9]{1,3}:[0-9]{1,2}([.,:][0-9]{0,4})?".prop_map(|s| format!("[{s}]")),
        "[0-9]{1,2}:[0-9]{1,2}[.][0-9]{2,3}".prop_map(|s| format!("<{s}>")),
        "\\[(ti|ar|offset|x):[-+]?[0-9]{0,7}\\]",
        "[\\[\\]<>:. \n\ra-z0-9é]{0,6}",
        Just("\n".to_owned()),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_was_written_is_read_the_same(text in lrc_like()) {
        let first = parse(&text).lyrics;
        let again = parse(&write(&first));
        prop_assert_eq!(&again.lyrics, &first, "{}", write(&first));
        prop_assert_eq!(again.unread, Vec::<usize>::new());
    }

    #[test]
    fn whatever_the_text_lines_are_in_order(text in prop_oneof![lrc_like(), ".{0,200}"]) {
        let lyrics = parse(&text).lyrics;
        prop_assert!(lyrics.lines.is_sorted_by_key(|line| line.start_ms));
        for line in &lyrics.lines {
            prop_assert_eq!(line.start_ms.is_some(), lyrics.synced);
            prop_assert!(line.end_ms.is_none_or(|end| Some(end) > line.start_ms));
            prop_assert!(line.words.is_sorted_by_key(|word| word.start_ms));
            prop_assert!(line.words.iter().all(|word| Some(word.start_ms) >= line.start_ms));
            let joined: String = line.words.iter().map(|word| word.text.as_str()).collect();
            prop_assert!(line.words.is_empty() || joined == line.text);
        }
    }

    #[test]
    fn times_are_read_as_they_are_written(ms in 0..=stamp::LATEST_MS) {
        prop_assert_eq!(stamp::parse(&stamp::write(ms), Dialect::Hours), Some(ms));
    }

    #[test]
    fn lines_with_words_survive_a_file(starts in proptest::collection::vec((0u64..600_000, "[a-z]{1,8}", "[a-z]{1,8}"), 1..20)) {
        let line = |(ms, a, b): (u64, String, String)| Line {
            start_ms: Some(ms),
            end_ms: None,
            text: format!("{a} {b}"),
            words: vec![Word { start_ms: ms, text: format!("{a} ") }, Word { start_ms: ms + 300, text: b }],
        };
        let lyrics = Lyrics::timed(starts.into_iter().map(line).collect());
        prop_assert_eq!(parse(&write(&lyrics)).lyrics, lyrics);
    }

    #[test]
    fn no_frame_brings_the_reader_down(body in proptest::collection::vec(any::<u8>(), 0..200), head in 0u8..4, unit in 0u8..4) {
        let body = [&[head, 0, 0, 0, unit, 1][..], &body].concat();
        if let Some(lyrics) = sylt::read(&body, Some(26.0)) {
            prop_assert!(lyrics.synced && lyrics.lines.is_sorted_by_key(|line| line.start_ms));
        }
    }
}

#[test]
fn texts_of_the_world_are_read_in_their_encodings() {
    use encoding_rs::*;
    let chinese = "[00:01.00]月亮代表我的心\n[00:05.00]你问我爱你有多深，我爱你有几分\n[00:09.00]轻轻的一个吻，已经打动我的心";
    let traditional = "[00:01.00]月亮代表我的心\n[00:05.00]你問我愛你有多深，我愛你有幾分\n[00:09.00]輕輕的一個吻，已經打動我的心";
    let japanese =
        "[00:01.00]さくら さくら\n[00:05.00]やよいの空は 見わたす限り\n[00:09.00]かすみか雲か 匂いぞ出ずる";
    let korean = "[00:01.00]아리랑 아리랑 아라리요\n[00:05.00]아리랑 고개로 넘어간다\n[00:09.00]나를 버리고 가시는 님은";
    let russian = "[00:01.00]Расцветали яблони и груши\n[00:05.00]Поплыли туманы над рекой\n[00:09.00]Выходила на берег Катюша";
    let polish = "[00:01.00]Jeszcze Polska nie zginęła, kiedy my żyjemy\n[00:05.00]Co nam obca przemoc wzięła, szablą odbierzemy";
    let french = "[00:01.00]Où sont passées les fées d'été ?\n[00:05.00]Ça va, c'est déjà ça, mon cœur";
    for (encoding, text) in [
        (GB18030, chinese),
        (GBK, chinese),
        (BIG5, traditional),
        (SHIFT_JIS, japanese),
        (EUC_JP, japanese),
        (EUC_KR, korean),
        (WINDOWS_1251, russian),
        (WINDOWS_1250, polish),
        (WINDOWS_1252, french),
        (UTF_8, chinese),
    ] {
        let (bytes, _, unmappable) = encoding.encode(text);
        assert!(!unmappable, "{}", encoding.name());
        assert_eq!(text::of_file(&bytes).as_deref(), Some(text), "{}", encoding.name());
    }
    for text in [chinese, russian, french, "plain words\nonly"] {
        let units: Vec<u16> = text.encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        assert_eq!(text::of_file(&little).as_deref(), Some(text));
        assert_eq!(text::of_file(&big).as_deref(), Some(text));
    }
    let mut damaged = chinese.as_bytes().to_vec();
    damaged[13] = 0xFF;
    let read = text::of_file(&damaged).unwrap();
    assert!(
        read.contains("代表我的心\n[00:05.00]你问我爱你有多深"),
        "one bad byte costs one character: {read}"
    );
}

#[test]
fn what_is_not_sung_is_not_shown_as_a_line() {
    let parsed =
        parse("[00:01.00]One\n[00:05.00][Chorus]\n[00:06.00]v1: Two\n[Verse 2: Anna]\n[00:08.00]v2:Three");
    assert_eq!(
        summary(&parsed.lyrics),
        [(Some(1_000), Some(5_000), "One"), (Some(6_000), None, "Two"), (Some(8_000), None, "Three")]
    );
    let plain = parse("[Intro]\nOne\n[Chorus]\nTwo\n").lyrics;
    assert_eq!(plain.lines.iter().map(|l| l.text.as_str()).collect::<Vec<_>>(), ["One", "", "Two"]);
    let background = parse("[00:01.00]Main\n[bg:<00:02.00>ooh <00:03.00>aah]").lyrics;
    assert_eq!(summary(&background)[1].2, "(ooh aah)");
    assert_eq!(words(&background.lines[1]), [(2_000, "(ooh "), (3_000, "aah)")]);
    let time = parse("[00:01.00]Meet me at [10:30]\n[00:04.00]Be [00:04.50]fast").lyrics;
    assert_eq!(summary(&time)[0].2, "Meet me at [10:30]");
    assert_eq!(words(&time.lines[1]), [(4_000, "Be "), (4_500, "fast")]);
}

#[test]
fn subtitles_are_lyrics() {
    use super::any;
    let srt = "1\r\n00:00:01,000 --> 00:00:02,500\r\n<i>First</i> line\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\n{\\an8}Second\r\nand its other half\r\n";
    assert_eq!(
        summary(&any::parse(srt).lyrics),
        [
            (Some(1_000), Some(2_500), "First line"),
            (Some(3_000), Some(4_000), "Second"),
            (Some(3_000), Some(4_000), "and its other half")
        ]
    );
    let vtt = "WEBVTT - a song\n\nNOTE nothing\n\n00:01.000 --> 00:02.500 align:start\n<v Anna>First</v>\n\ncue 2\n01:00:03.000 --> 01:00:04.000\nLast";
    assert_eq!(
        summary(&any::parse(vtt).lyrics),
        [(Some(1_000), Some(2_500), "First"), (Some(3_603_000), Some(3_604_000), "Last")]
    );
    assert!(any::parse("a --> b\nno times").lyrics.lines.iter().all(|line| line.start_ms.is_none()));
}

#[test]
fn ultrastar_files_are_word_timed_lyrics() {
    use super::any;
    // 300 beats a minute, quarters of them: 50 ms each.
    let file = "\u{FEFF}#TITLE:Song\r\n#ARTIST:Band\r\n#BPM:300,00\r\n#GAP:1000\r\n: 0 4 60 Hel\r\n: 4 4 60 lo\r\n* 10 5 62  wide\r\n: 15 5 62 ~\r\n- 30\r\nF 40 2 0 And\r\nR 42 8 0  you\r\nE\r\n";
    let parsed = any::parse(file);
    assert!(parsed.unread.is_empty() && parsed.lyrics.synced, "{parsed:?}");
    assert_eq!(
        summary(&parsed.lyrics),
        [(Some(1_000), Some(2_000), "Hello wide"), (Some(3_000), Some(3_500), "And you")]
    );
    assert_eq!(words(&parsed.lyrics.lines[0]), [(1_000, "Hel"), (1_200, "lo "), (1_500, "wide")]);
    let duet = "#BPM:300\n#GAP:0\nP1\n: 0 4 60 One\n- 5\n: 40 4 60 Three\nP2\n: 20 4 60 Two\n- 25\n: 40 4 60 Four\nE\n";
    assert_eq!(
        summary(&any::parse(duet).lyrics)
            .iter()
            .map(|(start, _, text)| (start.unwrap(), *text))
            .collect::<Vec<_>>(),
        [(0, "One"), (1_000, "Two"), (2_000, "Three"), (2_000, "Four")]
    );
    let relative = "#BPM:300\n#GAP:0\n#RELATIVE:YES\n: 0 4 60 One\n- 10 20\n: 0 4 60 Two\nE";
    assert_eq!(summary(&any::parse(relative).lyrics)[1], (Some(1_000), Some(1_200), "Two"));
    assert!(!any::parse("#BPM is a word\n: and a colon").lyrics.synced);
}
