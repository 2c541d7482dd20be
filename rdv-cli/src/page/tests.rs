use std::cell::RefCell;
use std::io::{self, ErrorKind, Write};
use std::rc::Rc;

use super::Page;

#[derive(Clone, Default)]
struct Paper(Rc<RefCell<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn printed(is_coloured: bool) -> String {
    let paper = Paper::default();
    let mut page = Page::new(paper.clone(), is_coloured);
    let rows = [["at", "what", "fate"], ["5us", "a", "good"], ["1.2ms", "bcd", ""]];
    page.heading("Act").unwrap();
    page.table(&rows.map(|row| row.map(str::to_owned))).unwrap();
    page.verdict(true, "fine").unwrap();
    let printed = paper.0.borrow().clone();
    String::from_utf8(printed).unwrap()
}

#[test]
fn columns_are_aligned() {
    assert_eq!(printed(false), "\nAct\n\n     at  what  fate\n    5us  a     good\n  1.2ms  bcd\n\nfine\n",);
}

#[test]
fn colours_change_nothing_but_the_colour() {
    let coloured = printed(true);
    assert!(coloured.contains("\x1b[1mAct\x1b[0m"), "{coloured:?}");
    let mut plain = coloured;
    for code in ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[32m"] {
        plain = plain.replace(code, "");
    }
    assert_eq!(plain, printed(false));
}

#[test]
fn a_reader_that_is_gone_is_an_error() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let error = Page::new(Gone, false).title("x").unwrap_err();
    assert_eq!(error.to_string(), "cannot write to stdout: broken pipe");
}
