//! Keys by name: `C-k`, `A-b`, `S-tab`, `enter`, `j`.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The name of a pressed key. Shift is named only where it is not in the character itself.
pub(crate) fn chord(key: &KeyEvent) -> String {
    let mut name = String::new();
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        name.push_str("C-");
    }
    if key.modifiers.contains(KeyModifiers::ALT) {
        name.push_str("A-");
    }
    let shift = key.modifiers.contains(KeyModifiers::SHIFT);
    if shift && !matches!(key.code, KeyCode::Char(_) | KeyCode::BackTab) {
        name.push_str("S-");
    }
    let code = match key.code {
        KeyCode::Char(char) if key.modifiers.contains(KeyModifiers::CONTROL) => {
            name.extend(char.to_lowercase());
            return name;
        }
        KeyCode::Char(char) => {
            name.push(char);
            return name;
        }
        KeyCode::Enter => "enter",
        KeyCode::Esc => "esc",
        KeyCode::Tab => "tab",
        KeyCode::BackTab => "S-tab",
        KeyCode::Backspace => "backspace",
        KeyCode::Delete => "delete",
        KeyCode::Up => "up",
        KeyCode::Down => "down",
        KeyCode::Left => "left",
        KeyCode::Right => "right",
        KeyCode::Home => "home",
        KeyCode::End => "end",
        KeyCode::PageUp => "pageup",
        KeyCode::PageDown => "pagedown",
        _ => "other",
    };
    name.push_str(code);
    name
}

/// The character that a key writes, if it writes one.
pub(crate) fn written(key: &KeyEvent) -> Option<char> {
    match key.code {
        KeyCode::Char(char)
            if !key
                .modifiers
                .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) =>
        {
            Some(char)
        }
        _ => None,
    }
}
