//! The modules of a recorded take, in the browser but without a microphone: cutting, shifting, mixing, chirp detection.

use crate::page::Page;

#[test]
fn a_take_is_cut_and_shifted_to_the_sample_and_the_mix_does_not_clip() {
    let page = Page::quick();
    let faults = page.browser.js(
        "(async () => {
            const { Take } = await import('/js/record/take.js');
            const { mixdown } = await import('/js/record/mixdown.js');
            const { findSignal, chirp, consensus } = await import('/js/record/chirp.js');
            const faults = [];
            const check = (what, fine) => fine || faults.push(what);
            const [rate, size] = [8000, 256];
            const take = new Take(rate);
            // Each sample is its own position.
            for (let chunk = 0; chunk < 40; chunk += 1) {
                const frame = 1000 + chunk * size;
                const voice = Int16Array.from({ length: size }, (_, i) => frame + i);
                const song = Int16Array.from({ length: 2 * size }, (_, i) => (i % 2 ? -1 : 1) * (frame + (i >> 1)));
                take.add({ frame, song, voice });
            }
            take.begin(1500);
            take.end(9500);
            take.delay = 0.1;
            check('length', take.frames === 8000);
            for (const [at, shift] of [[0, 0], [777, 0], [0, 0.05], [3000, -0.25], [7900, 0.5], [0, 0.5], [7990, -0.5]]) {
                const [song, voice] = [new Int16Array(200), new Int16Array(100)];
                take.song(at, song);
                take.voice(at, voice, shift);
                const from = 1500 + at + Math.round((0.1 - shift) * rate);
                const there = (frame) => (frame >= 1000 && frame < 1000 + 40 * size ? frame : 0);
                check(`song at ${at}`, song.every((s, i) => s === (i % 2 ? -1 : 1) * there(1500 + at + (i >> 1))));
                check(`voice at ${at}, ${shift}`, voice.every((v, i) => v === there(from + i)));
            }
            const loud = new Take(rate);
            for (let chunk = 0; chunk < 4; chunk += 1) {
                const wave = (n) => Int16Array.from({ length: n * size }, (_, i) => 30000 * Math.sin(Math.floor(i / n) / 10));
                loud.add({ frame: chunk * size, song: wave(2), voice: wave(1) });
            }
            loud.end(4 * size);
            const mix = await mixdown(loud, { song: 1.5, voice: 1.5, shift: 0 });
            const samples = new Int16Array((await mix.arrayBuffer()).slice(44));
            check('as loud as can be', Math.max(...samples.map(Math.abs)) === 32767);
            check('still a sine', samples.every((s, i) => Math.abs(s - 32767 * Math.sin(((i >> 1) % size) / 10)) < 4));
            const sound = chirp(44100);
            let seed = 1;
            const noise = () => ((seed = (seed * 16807) % 2147483647) / 2147483647 - 0.5);
            for (const place of [0, 1, 12345, 20000]) {
                const heard = Float32Array.from({ length: 24000 }, () => 0.1 * noise());
                sound.forEach((s, i) => (heard[place + i] += 0.05 * s));
                const found = findSignal(heard, sound);
                check(`chirp at ${place}: ${found}`, found === place);
            }
            const silence = findSignal(Float32Array.from({ length: 24000 }, noise), sound);
            check(`nothing in noise: ${silence}`, silence === null);
            check('consensus', consensus([100, 101, null, 102], 3) === 101 && consensus([1, 50, 100, 150], 3) === null);
            return faults;
        })()",
    );
    assert_eq!(faults, serde_json::json!([]));
}

#[test]
fn a_take_of_ten_minutes_is_mixed() {
    let page = Page::quick();
    let mixed = page.browser.js(
        "(async () => {
            const { Take } = await import('/js/record/take.js');
            const { mixdown } = await import('/js/record/mixdown.js');
            const [rate, size, chunks] = [44100, 2048, Math.ceil((600 * 44100) / 2048)];
            const take = new Take(rate);
            for (let chunk = 0; chunk < chunks; chunk += 1) {
                take.add({ frame: chunk * size, song: new Int16Array(2 * size).fill(1000), voice: new Int16Array(size).fill(chunk % 100) });
            }
            take.end(600 * rate);
            let [longest, last, over] = [0, performance.now(), false];
            (function watch() {
                longest = Math.max(longest, performance.now() - last);
                last = performance.now();
                if (!over) setTimeout(watch);
            })();
            const begin = performance.now();
            const mix = await mixdown(take, { song: 1, voice: 1, shift: 0 });
            over = true;
            const end = new Int16Array(await mix.slice(-4).arrayBuffer());
            return { bytes: mix.size, end: [...end], seconds: (performance.now() - begin) / 1000, longest };
        })()",
    );
    println!("{mixed}");
    let chunk = (600 * 44_100 - 1) / 2048 % 100;
    assert_eq!(mixed["bytes"], 44 + 600 * 44_100 * 4);
    assert_eq!(mixed["end"], serde_json::json!([1000 + chunk, 1000 + chunk]));
}
