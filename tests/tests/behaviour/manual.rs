//! Shell completions and manual pages, as a shell and `man` take them.

use crate::shell::{files, text};
use karaoke_tests::Settings;
use karaoke_tests::program::command;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

fn run(dir: &Path, arguments: &[&str]) -> String {
    let out =
        command(&Settings::default()).current_dir(dir).args(arguments).output().expect("the program runs");
    assert!(out.status.success(), "{arguments:?}: {}", text(&out.stderr));
    text(&out.stdout)
}

/// Every command that `karaoke COMMAND… --help` lists, as the words to type; `help` left out.
fn commands(dir: &Path, above: &[String]) -> Vec<Vec<String>> {
    let arguments: Vec<&str> = above.iter().map(String::as_str).chain(["--help"]).collect();
    let help = run(dir, &arguments);
    let listed =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // What goes on from the line before is further in.
    let names =
        listed.filter(|line| !line.starts_with("    ")).filter_map(|line| line.split_whitespace().next());
    let mut all = vec![above.to_vec()];
    for name in names.filter(|name| *name != "help") {
        all.extend(commands(dir, &[above, &[name.to_owned()]].concat()));
    }
    all
}

#[test]
fn every_command_has_a_manual_page_that_man_reads_without_a_warning() {
    let dir = tempfile::tempdir().expect("a folder");
    run(dir.path(), &["man", "pages"]);
    let all = commands(dir.path(), &[]);
    assert!(all.len() > 10, "{all:?}");
    let mut expected: Vec<String> =
        all.iter().map(|words| [&["karaoke".to_owned()], &words[..]].concat().join("-") + ".1").collect();
    expected.sort();
    assert_eq!(files(&dir.path().join("pages")), expected);
    for (words, name) in
        all.iter().map(|words| (words, [&["karaoke".to_owned()], &words[..]].concat().join("-")))
    {
        let path = dir.path().join("pages").join(format!("{name}.1"));
        let page = std::fs::read_to_string(&path).expect("a page");
        for part in [".TH", ".SH NAME", ".SH SYNOPSIS", ".SH OPTIONS"] {
            assert!(page.lines().any(|line| line.starts_with(part)), "{words:?} has no {part}");
        }
        // Where groff is not installed, the structure has to do.
        let groff = Command::new("groff").args(["-k", "-man", "-Tutf8", "-ww", "-z"]).arg(&path).output();
        if let Ok(out) = groff {
            assert!(out.status.success() && out.stderr.is_empty(), "{name}: {}", text(&out.stderr));
        }
    }
    assert!(run(dir.path(), &["man"]).contains(".SH SUBCOMMANDS"));
}

#[test]
fn a_shell_completes_commands() {
    let dir = tempfile::tempdir().expect("a folder");
    for (shell, word) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef karaoke"),
        ("fish", "complete -c karaoke"),
        ("elvish", "edit:completion"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let script = run(dir.path(), &["completions", shell]);
        assert!(script.contains(word) && script.contains("separate"), "{shell}");
        assert!(!script.contains("worker-process"), "{shell} offers what is hidden");
    }
    assert_eq!(completed(dir.path(), &["u"]), ["up"]);
    assert_eq!(completed(dir.path(), &["models", "ver"]), ["verify"]);
    assert!(completed(dir.path(), &["separate", "--form"]).contains(&"--format".to_owned()));
}

/// What bash offers for the last of these words.
fn completed(dir: &Path, words: &[&str]) -> Vec<String> {
    let mut script = run(dir, &["completions", "bash"]);
    let last = words.len();
    script.push_str(&format!(
        "\nCOMP_WORDS=(karaoke {}); COMP_CWORD={last}\n_karaoke karaoke '{}' '{}'\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        words.join(" "),
        words[last - 1],
        [&["karaoke"], words].concat()[last - 1],
    ));
    let mut bash = Command::new("bash").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("bash");
    bash.stdin.take().expect("stdin").write_all(script.as_bytes()).expect("written");
    let out = bash.wait_with_output().expect("bash ends");
    assert!(out.status.success());
    text(&out.stdout).lines().map(str::to_owned).collect()
}
