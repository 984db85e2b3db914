//! The page is built into the program: a file that comes or goes in its folder makes another page.

fn main() {
    println!("cargo::rerun-if-changed=../web");
}
