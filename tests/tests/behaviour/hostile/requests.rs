//! Requests that no honest client sends, made from a seed.

/// A generator of numbers (SplitMix64): the same seed, the same requests.
pub struct Dice(u64);

impl Dice {
    /// Begins with a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }
}

/// A song that the attacker may open.
pub struct Known {
    pub id: String,
    pub passcode: String,
    /// A small WAV.
    pub wav: Vec<u8>,
}

/// What is sent, and whether an answer is due: a request that is cut off gets none.
pub struct Hostile {
    pub kind: &'static str,
    pub bytes: Vec<u8>,
    pub is_whole: bool,
}

const NAMES: [&str; 9] = [
    "../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "a\r\nX-Injected: 1\r\n\r\n<script>",
    "a%0d%0aX-Injected:%201",
    "a\"; filename=\"b\r\nX-Injected: 1",
    "<img src=x onerror=alert(1)>.wav",
    "\u{202e}gpj.wav\u{0}.exe",
    "CON",
    "\\\\server\\share\\a.wav",
];

const NUMBERS: [&str; 9] = [
    "-1",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775807",
    "1e9",
    "0x10",
    "",
    "NaN",
    "٣",
];

fn head(method: &str, path: &str, headers: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: karaoke\r\nConnection: close\r\n{headers}\r\n")
}

fn with_body(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = head(method, path, &format!("{headers}Content-Length: {}\r\n", body.len())).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// The next request.
pub fn next(dice: &mut Dice, known: &Known) -> Hostile {
    type Make = fn(&mut Dice, &Known) -> (Vec<u8>, bool);
    let kinds: [(&'static str, Make); 11] = [
        ("multipart", multipart),
        ("chunked", chunked),
        ("headers", headers),
        ("cut off", cut_off),
        ("traversal", traversal),
        ("ranges", ranges),
        ("tus", tus),
        ("markup", markup),
        ("json", json),
        ("bytes", bytes),
        ("mutated", mutated),
    ];
    let (kind, make) = kinds[dice.below(kinds.len())];
    let (bytes, is_whole) = make(dice, known);
    Hostile { kind, bytes, is_whole }
}

fn form(dice: &mut Dice, known: &Known, boundary: &str) -> Vec<u8> {
    let name = dice.one(&NAMES);
    let field = dice.one(&["file", "model", "deadline_s", "webhook", "email", "", "file\0"]);
    let value =
        dice.one(&["identity", "http://127.0.0.1:1/", "http://[::1]/", "file:///etc/passwd", "a\r\nb@c"]);
    let mut body =
        format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n");
    body += &format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
    );
    let mut body = body.into_bytes();
    match dice.below(4) {
        0 => body.extend_from_slice(&known.wav),
        n => body.extend(dice.bytes(n * 200)),
    }
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    body
}

fn multipart(dice: &mut Dice, known: &Known) -> (Vec<u8>, bool) {
    let (said, used) = match dice.below(5) {
        0 => ("x", "y"),
        1 => ("", "x"),
        2 => ("\"x", "x"),
        _ => ("x", "x"),
    };
    let mut body = form(dice, known, used);
    match dice.below(4) {
        0 => body.truncate(dice.below(body.len())),
        1 => body.retain(|b| *b != b'\r'),
        2 => body.splice(0..0, vec![b'-'; 5000]).for_each(drop),
        _ => {}
    }
    let kind = format!("Content-Type: multipart/form-data; boundary={said}\r\n");
    (with_body("POST", "/api/v1/tracks?model=identity", &kind, &body), true)
}

fn chunked(dice: &mut Dice, _: &Known) -> (Vec<u8>, bool) {
    let size = dice.one(&[
        "zz",
        "ffffffffffffffffff",
        "-5",
        "5;ext=\"",
        "0x5",
        " 5",
        "5\r",
        "00000000000000000005",
        "7fffffff",
    ]);
    let path =
        dice.one(&["/api/v1/tracks?model=identity", "/api/v1/events", "/api/v1/archive", "/api/v1/uploads"]);
    let mut bytes = head("POST", path, "Transfer-Encoding: chunked\r\n").into_bytes();
    bytes.extend_from_slice(format!("{size}\r\nhello\r\n").as_bytes());
    if dice.below(2) == 0 {
        bytes.extend_from_slice(b"0\r\nX-Injected: 1\r\n\r\n");
    }
    (bytes, false)
}

fn headers(dice: &mut Dice, known: &Known) -> (Vec<u8>, bool) {
    let many: String = (0..200).map(|i| format!("X-{i}: {i}\r\n")).collect();
    let id = &known.id;
    let said = match dice.below(9) {
        0 => format!("X-Large: {}\r\n", "a".repeat(200_000)),
        1 => many,
        2 => format!("Cookie: {}\r\n", "karaoke_x=y; ".repeat(5000)),
        3 => format!("Cookie: karaoke_{id}={}\r\n", "'; DROP TABLE tracks; --"),
        4 => format!("Authorization: Bearer {}\r\n", dice.one(&NUMBERS)),
        5 => "X-Admin-Key: \r\nX-Admin-Key: ' OR 1=1\r\n".into(),
        6 => "X-Request-Id: a b} ERROR forged\r\nX-Forwarded-For: ,,,\r\n".into(),
        7 => "Host: other\r\nX-No-Colon\r\n".into(),
        _ => "Expect: 200-maybe\r\nUpgrade: h2c\r\nConnection: upgrade\r\n".into(),
    };
    let path =
        dice.one(&["/", "/api/v1/models", "/api/v1/tracks", "/api/v1/tracks/aaaaaaaaaaaaaaaa", "/readyz"]);
    (head("GET", path, &said).into_bytes(), true)
}

fn cut_off(dice: &mut Dice, known: &Known) -> (Vec<u8>, bool) {
    let (whole, _) = match dice.below(3) {
        0 => multipart(dice, known),
        1 => tus(dice, known),
        _ => json(dice, known),
    };
    let at = 1 + dice.below(whole.len() - 1);
    (whole[..at].to_vec(), false)
}

fn traversal(dice: &mut Dice, known: &Known) -> (Vec<u8>, bool) {
    let way = dice
        .one(&["../", "..%2f", "%2e%2e/", "..\\", "%00", "//", ";/", "%c0%ae%c0%ae/", "....//"])
        .repeat(1 + dice.below(12));
    let base = dice
        .one(&["/", "/api/v1/", "/api/v1/tracks/", "/api/v1/archive/", "/api/v1/uploads/", "/js/"])
        .to_owned();
    let base = if dice.below(4) == 0 { format!("/api/v1/tracks/{}/stems/", known.id) } else { base };
    let what =
        dice.one(&["etc/passwd", "karaoke.sqlite", "lock", "config.toml", "mix.f32", "vocals.f32", "upload"]);
    let passcode = format!("X-Track-Passcode: {}\r\nTus-Resumable: 1.0.0\r\n", known.passcode);
    let method = dice.one(&["GET", "HEAD", "DELETE", "PUT", "PATCH", "OPTIONS", "TRACE", "CONNECT"]);
    (head(method, &format!("{base}{way}{what}"), &passcode).into_bytes(), true)
}

fn ranges(dice: &mut Dice, known: &Known) -> (Vec<u8>, bool) {
    let number = dice.one(&NUMBERS);
    let range = match dice.below(6) {
        0 => format!("bytes={number}-"),
        1 => format!("bytes=-{number}"),
        2 => format!("bytes=5-{number}"),
        3 => format!("bytes={}", "0-0,".repeat(3000)),
        4 => format!("lines=0-{number}"),
        _ => "bytes=9-1, 3-2, -0".into(),
    };
    let file = dice.one(&[
        "vocals.wav",
        "instrumental.wav?bits=24",
        "multitrack.wav",
        "vocals.mp3",
        "vocals.wav?bits=7",
        ".wav",
    ]);
    let path = match dice.below(4) {
        0 => format!("/api/v1/tracks/{}/peaks?places={number}&from={number}&to={number}", known.id),
        _ => format!("/api/v1/tracks/{}/stems/{file}", known.id),
    };
    let said = format!("X-Track-Passcode: {}\r\nRange: {range}\r\nIf-Range: \"x\r\n", known.passcode);
    (head("GET", &path, &said).into_bytes(), true)
}

fn tus(dice: &mut Dice, known: &Known) -> (Vec<u8>, bool) {
    let number = dice.one(&NUMBERS);
    let version = dice.one(&["Tus-Resumable: 1.0.0\r\n", "Tus-Resumable: 0.2\r\n", ""]);
    let secret = "0123456789abcdef".repeat(2);
    let metadata = dice.one(&[
        "filename Li4vLi4v",
        "filename ====",
        "model",
        ",,,",
        "filename PHNjcmlwdD4=,filename YQ==",
        "webhook aHR0cDovL1s6OjFdLw==",
    ]);
    match dice.below(5) {
        0 => (
            head("POST", "/api/v1/uploads", &format!("{version}Upload-Length: {number}\r\n")).into_bytes(),
            true,
        ),
        1 => {
            let said = format!("{version}Upload-Length: 5000\r\nUpload-Metadata: {metadata}\r\n");
            (head("POST", "/api/v1/uploads", &said).into_bytes(), true)
        }
        2 => {
            let sum = dice.one(&["sha1 AAAA", "md5 x", "sha256 ", "sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk="]);
            let said = format!(
                "{version}Upload-Length: 10\r\nUpload-Checksum: {sum}\r\nContent-Type: application/offset+octet-stream\r\n"
            );
            let length = dice.below(3) * 10;
            (with_body("POST", "/api/v1/uploads", &said, &known.wav[..length]), true)
        }
        3 => {
            let said = format!(
                "{version}Upload-Offset: {number}\r\nContent-Type: application/offset+octet-stream\r\n"
            );
            (with_body("PATCH", &format!("/api/v1/uploads/{secret}"), &said, &dice.bytes(100)), true)
        }
        _ => {
            let over = dice.one(&["DELETE", "PATCH", "G E T", "HEAD"]);
            let said = format!("{version}X-HTTP-Method-Override: {over}\r\n");
            (with_body("POST", &format!("/api/v1/uploads/{secret}"), &said, b""), true)
        }
    }
}

fn markup(dice: &mut Dice, known: &Known) -> (Vec<u8>, bool) {
    let said = format!("X-Track-Passcode: {}\r\n", known.passcode);
    let evil = dice.one(&[
        "[00:01.00]<script>alert(1)</script>",
        "[99999999999:99.99]x",
        "\u{0}\u{1}\u{1b}[31m",
        "1\n00:00:00,000 --> 99:99:99,999\n<b onload=x>",
        "\u{202e}[0:0]",
    ]);
    let mut text = evil.repeat(1 + dice.below(200)).into_bytes();
    if dice.below(3) == 0 {
        text.extend(dice.bytes(300));
    }
    if dice.below(10) == 0 {
        text = vec![b'['; 300_000];
    }
    match dice.below(3) {
        0 => {
            let name = "%3Cscript%3E%0D%0AX-Injected:1";
            (with_body("POST", &format!("/api/v1/tracks?model=identity&name={name}"), "", &known.wav), true)
        }
        _ => (with_body("PUT", &format!("/api/v1/tracks/{}/lyrics", known.id), &said, &text), true),
    }
}

fn json(dice: &mut Dice, known: &Known) -> (Vec<u8>, bool) {
    let deep = "[".repeat(50_000);
    let many = format!("[{}]", vec![r#"{"id":"x"}"#; 600].join(","));
    let body = match dice.below(7) {
        0 => deep.into_bytes(),
        1 => many.into_bytes(),
        2 => format!(r#"{{"tracks":[{{"id":"{}","passcode":1}}]}}"#, known.id).into_bytes(),
        3 => r#"{"tracks":[],"stems":null,"format":"../../x"}"#.as_bytes().to_vec(),
        4 => br#"[{"id":"\u0000","passcode":"\ud800","last_event_id":"ffffffffffffffffff-1"}]"#.to_vec(),
        5 => format!(
            r#"{{"target":"http://{}/","events":["x"]}}"#,
            dice.one(&["127.0.0.1", "[::ffff:10.0.0.1]", "0", "localhost."])
        )
        .into_bytes(),
        _ => dice.bytes(500),
    };
    let path = match dice.below(3) {
        0 => format!("/api/v1/tracks/{}/notifications", known.id),
        1 => "/api/v1/events".into(),
        _ => "/api/v1/archive".into(),
    };
    let said = format!("X-Track-Passcode: {}\r\nContent-Type: application/json\r\n", known.passcode);
    (with_body("POST", &path, &said, &body), true)
}

fn bytes(dice: &mut Dice, _: &Known) -> (Vec<u8>, bool) {
    let bytes = match dice.below(5) {
        0 => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        1 => [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], &dice.bytes(200)].concat(),
        2 => b"GET /\r\n\r\n".to_vec(),
        3 => format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(70_000)).into_bytes(),
        _ => {
            let n = 1 + dice.below(3000);
            dice.bytes(n)
        }
    };
    (bytes, false)
}

fn mutated(dice: &mut Dice, known: &Known) -> (Vec<u8>, bool) {
    let mut bytes = match dice.below(4) {
        0 => multipart(dice, known).0,
        1 => tus(dice, known).0,
        2 => ranges(dice, known).0,
        _ => json(dice, known).0,
    };
    for _ in 0..1 + dice.below(8) {
        let at = dice.below(bytes.len().min(600));
        match dice.below(3) {
            0 => bytes[at] = dice.next() as u8,
            1 => bytes.insert(at, dice.next() as u8),
            _ => drop(bytes.remove(at)),
        }
    }
    (bytes, false)
}
